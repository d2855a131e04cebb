from django.contrib.auth.views import LogoutView
from django.urls import path

from accounts import views

app_name = "accounts"
urlpatterns = [
    path("sign-in/", views.SignIn.as_view(), name="sign_in"),
    path("sign-out/", LogoutView.as_view(), name="sign_out"),
    path("invitations/<str:token>/", views.invitation, name="invitation"),
    path("theme/", views.theme, name="theme"),
    path("workspaces/", views.workspaces, name="workspaces"),
    path("w/<slug:slug>/settings/", views.settings, name="settings"),
    path("w/<slug:slug>/settings/invite/", views.invite, name="invite"),
    path("w/<slug:slug>/settings/profile/", views.profile, name="profile"),
]
