"""Nothing of one workspace points into another."""

from django.db import migrations

from outreach.ground.sql import same_workspace


class Migration(migrations.Migration):
    dependencies = [("customers", "0001_initial"), ("x", "0001_initial")]
    operations = [
        same_workspace("customers_relationship", "customer_id", "customers_customer"),
        same_workspace("customers_relationship", "x_account_id", "x_xaccount"),
        same_workspace("customers_permission", "customer_id", "customers_customer"),
    ]
