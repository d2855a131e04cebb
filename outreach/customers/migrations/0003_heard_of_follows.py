from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("customers", "0002_walls")]

    operations = [
        migrations.AddField(
            model_name="relationship",
            name="followed_by_heard_at",
            field=models.DateTimeField(help_text="when an event last said so", null=True),
        ),
        migrations.AddField(
            model_name="relationship",
            name="following_heard_at",
            field=models.DateTimeField(help_text="when an event last said so", null=True),
        ),
    ]
