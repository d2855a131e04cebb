"""Below /customers/sync/, in the room's own names."""

from django.urls import path

from outreach.customers.sync import views

urlpatterns = [
    path("", views.syncs, name="syncs"),
    path("<int:account_id>/", views.sync, name="sync"),
    path("<int:account_id>/progress/", views.progress, name="sync_progress"),
    path("<int:account_id>/changes/", views.changes, name="sync_changes"),
    path("<int:account_id>/count/", views.count, name="sync_count"),
    path("<int:account_id>/start/", views.start, name="sync_start"),
    path("<int:account_id>/cancel/", views.cancel, name="sync_cancel"),
    path("<int:account_id>/choose/", views.choose, name="sync_choose"),
]
