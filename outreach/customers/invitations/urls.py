from django.urls import path

from outreach.customers.invitations import views

urlpatterns = [
    path("customers/invitations/", views.invitations, name="invitations"),
    path("customers/invitations/new/", views.new, name="invitation_new"),
    path("customers/invitations/<int:invitation_id>/", views.invitation, name="invitation"),
    path("customers/invitations/<int:invitation_id>/sheet/", views.sheet, name="invitation_sheet"),
    path("customers/invitations/<int:invitation_id>/close/", views.close, name="invitation_close"),
    path(
        "customers/invitations/<int:invitation_id>/code.svg",
        views.picture,
        {"kind": "svg"},
        name="invitation_svg",
    ),
    path(
        "customers/invitations/<int:invitation_id>/code.png",
        views.picture,
        {"kind": "png"},
        name="invitation_png",
    ),
    path("customers/follow-back/", views.follow_back, name="follow_back"),
]
