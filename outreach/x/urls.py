from django.urls import path

from outreach.x import views

app_name = "x"
urlpatterns = [
    path("settings/x/", views.accounts, name="accounts"),
    path("settings/x/<int:account_id>/pause/", views.pause, name="pause"),
    path("settings/x/<int:account_id>/resume/", views.resume, name="resume"),
]
