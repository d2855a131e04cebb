from django.urls import include, path

from outreach.customers import views

app_name = "customers"
urlpatterns = [
    path("customers/", views.people, name="list"),
    path("customers/sync/", include("outreach.customers.sync.urls")),
    path("customers/<int:customer_id>/", views.person, name="show"),
    path("customers/<int:customer_id>/permit/", views.permit, name="permit"),
    path("customers/<int:customer_id>/stop/", views.stop, name="stop"),
]
