from django.urls import path

from outreach.customers import views
from outreach.customers.finding import urls as finding

app_name = "customers"
urlpatterns = [
    *finding.urlpatterns,
    path("customers/<int:customer_id>/", views.person, name="show"),
    path("customers/<int:customer_id>/permit/", views.permit, name="permit"),
    path("customers/<int:customer_id>/stop/", views.stop, name="stop"),
]
