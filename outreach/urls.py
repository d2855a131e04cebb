"""Every address of the product. Rooms bring their own."""

from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from accounts import errors
from accounts.views import home
from outreach.x import views_connecting, webhook

handler400 = errors.bad_request
handler403 = errors.forbidden
handler404 = errors.not_found


def healthz(request: HttpRequest) -> HttpResponse:
    """The web process answers; says nothing about anything else."""
    return HttpResponse("ok", content_type="text/plain")


urlpatterns = [
    path("", home, name="home"),
    path("healthz", healthz, name="healthz"),
    # One for all workspaces: X wants to know it letter by letter.
    path("x/callback/", views_connecting.callback, name="x_callback"),
    path("x/webhook/<int:app_id>/", webhook.receive, name="x_webhook"),
    path("", include("accounts.urls")),
    path("w/<slug:slug>/", include("outreach.insights.urls")),
    path("w/<slug:slug>/", include("outreach.drafts.urls")),
    path("w/<slug:slug>/", include("outreach.delivery.urls")),
    path("w/<slug:slug>/", include("outreach.customers.urls")),
    path("w/<slug:slug>/", include("outreach.x.urls")),
]
