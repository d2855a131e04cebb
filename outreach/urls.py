"""Every address of the product. Rooms bring their own."""

from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from accounts import errors
from accounts.views import home

handler400 = errors.bad_request
handler403 = errors.forbidden
handler404 = errors.not_found


def healthz(request: HttpRequest) -> HttpResponse:
    """The web process answers; says nothing about anything else."""
    return HttpResponse("ok", content_type="text/plain")


urlpatterns = [
    path("", home, name="home"),
    path("healthz", healthz, name="healthz"),
    path("", include("accounts.urls")),
    path("w/<slug:slug>/", include("outreach.insights.urls")),
    path("w/<slug:slug>/", include("outreach.drafts.urls")),
    path("w/<slug:slug>/", include("outreach.delivery.urls")),
    path("w/<slug:slug>/", include("outreach.customers.urls")),
    path("w/<slug:slug>/", include("outreach.x.urls")),
]
