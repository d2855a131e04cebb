from django.urls import include, path

from outreach.customers import policies, views
from outreach.customers.erasing import views as erasing
from outreach.customers.finding import urls as finding

app_name = "customers"
urlpatterns = [
    *finding.urlpatterns,
    path("customers/stopped/", views.stopped, name="stopped"),
    path("customers/", include("outreach.customers.imports.urls")),
    path("customers/sync/", include("outreach.customers.sync.urls")),
    path("customers/<int:customer_id>/", views.person, name="show"),
    path("customers/<int:customer_id>/permit/", views.permit, name="permit"),
    path("customers/<int:customer_id>/stop/", views.stop, name="stop"),
    path("", include("outreach.customers.invitations.urls")),
    path("", include("outreach.customers.history.urls")),
    path("customers/<int:customer_id>/lift/", views.lift, name="lift"),
    path("customers/<int:customer_id>/erase/", erasing.erase, name="erase"),
    path("customers/<int:customer_id>/download/", erasing.download, name="download"),
    path("permissions/<int:permission_id>/withdraw/", views.withdraw, name="withdraw"),
    path("permissions/<int:permission_id>/evidence/", views.evidence, name="evidence"),
    path("settings/contact/", policies.show, name="policy"),
    path("settings/contact/change/", policies.change, name="change_policy"),
]
