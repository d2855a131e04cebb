from django.urls import path

from outreach.customers.imports import views

# Within the room's names: 'customers:imports'.
urlpatterns = [
    path("import/", views.imports, name="imports"),
    path("import/<int:import_id>/", views.run, name="import"),
    path("import/<int:import_id>/progress/", views.progress, name="import_progress"),
    path("import/<int:import_id>/columns/", views.choose, name="import_columns"),
    path("import/<int:import_id>/confirm/", views.confirm, name="import_confirm"),
    path("import/<int:import_id>/cancel/", views.cancel, name="import_cancel"),
    path("import/<int:import_id>/refused/", views.refused, name="import_refused"),
    path("export/", views.export, name="export"),
]
