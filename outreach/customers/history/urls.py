from django.urls import path

from outreach.customers.history import views

urlpatterns = [
    path("customers/history/<int:account_id>/", views.history, name="reading"),
    path("customers/history/<int:account_id>/start/", views.start, name="reading_start"),
    path("customers/history/<int:account_id>/offer/", views.offer, name="reading_offer"),
    path("customers/history/run/<int:run_id>/", views.progress, name="reading_progress"),
    path("customers/history/run/<int:run_id>/cancel/", views.cancel, name="reading_cancel"),
]
