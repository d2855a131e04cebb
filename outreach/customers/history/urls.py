from django.urls import path

from outreach.customers.history import views

urlpatterns = [
    path("customers/history/<int:account_id>/", views.history, name="history"),
    path("customers/history/<int:account_id>/start/", views.start, name="history_start"),
    path("customers/history/<int:account_id>/offer/", views.offer, name="history_offer"),
    path("customers/history/run/<int:run_id>/", views.progress, name="history_progress"),
    path("customers/history/run/<int:run_id>/cancel/", views.cancel, name="history_cancel"),
]
