from django.urls import path

from outreach.customers.finding import views, views_many

urlpatterns = [
    path("customers/", views.people, name="list"),
    path("customers/tag/", views_many.tag, name="tag"),
    path("customers/count/", views_many.count, name="count"),
    path("customers/sweeps/<int:sweep_id>/", views_many.sweep, name="sweep"),
    path("customers/sweeps/<int:sweep_id>/stop/", views_many.stop_sweep, name="stop_sweep"),
    path("customers/segments/", views_many.segments, name="segments"),
    path(
        "customers/segments/<int:segment_id>/count/",
        views_many.segment_count,
        name="segment_count",
    ),
    path(
        "customers/segments/<int:segment_id>/remove/",
        views_many.remove_segment,
        name="remove_segment",
    ),
    path("customers/<int:customer_id>/history/", views.history, name="history"),
    path("customers/<int:customer_id>/merge/", views.merge, name="merge"),
]
