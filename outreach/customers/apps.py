from django.apps import AppConfig


class CustomersConfig(AppConfig):
    name = "outreach.customers"
    label = "customers"
