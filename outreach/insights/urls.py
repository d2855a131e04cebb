from django.urls import path

from outreach.insights import views

app_name = "insights"
urlpatterns = [
    path("", views.today, name="today"),
    path("settings/audit/", views.audit_log, name="audit_log"),
]
