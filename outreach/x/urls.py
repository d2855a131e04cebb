from django.urls import path

from outreach.x import views, views_apps, views_connecting

app_name = "x"
urlpatterns = [
    path("settings/x/", views.accounts, name="accounts"),
    path("settings/x/guide/", views_apps.guide, name="guide"),
    path("settings/x/guide/check/", views_apps.check, name="check"),
    path("settings/x/apps/new/", views_apps.bring, name="bring_app"),
    path("settings/x/apps/<int:app_id>/", views_apps.change, name="app"),
    path("settings/x/connect/", views_connecting.connect, name="connect"),
    path("settings/x/<int:account_id>/disconnect/", views_connecting.disconnect, name="disconnect"),
    path("settings/x/<int:account_id>/avatar/", views.avatar, name="avatar"),
    path("settings/x/<int:account_id>/", views.account, name="account"),
    path("settings/x/<int:account_id>/cap/", views.set_cap, name="cap"),
    path("settings/x/<int:account_id>/pause/", views.pause, name="pause"),
    path("settings/x/<int:account_id>/resume/", views.resume, name="resume"),
]
