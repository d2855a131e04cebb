# The production image: one for web, worker, beat and one-off commands. No development extras, no
# embedded services, no demo workspace. Everything is configured by the environment (README).
FROM python:3.12-slim AS build
WORKDIR /build
RUN python -m venv /opt/outreach && /opt/outreach/bin/pip install --no-cache-dir 'pip>=25.3,<27'
COPY pyproject.toml constraints.txt build-constraints.txt README.md ./
COPY accounts accounts
COPY outreach outreach
RUN /opt/outreach/bin/pip install --no-cache-dir \
      --constraint constraints.txt --build-constraint build-constraints.txt --editable . \
    && /opt/outreach/bin/pip uninstall --yes outreach

FROM python:3.12-slim
ENV PATH=/opt/outreach/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    STATIC_ROOT=/srv/outreach/static-collected \
    VAR_DIR=/tmp/outreach
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin outreach
COPY --from=build /opt/outreach /opt/outreach
WORKDIR /srv/outreach
COPY manage.py ./
COPY accounts accounts
COPY outreach outreach
COPY templates templates
COPY static static
# Needs no database and none of production's secrets; what it makes up for the moment is removed.
RUN python manage.py collectstatic --no-input --verbosity 0 && rm -rf "$VAR_DIR"
USER outreach
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-m", "outreach.services.healthy"]
CMD ["gunicorn", "outreach.wsgi", "--bind=0.0.0.0:8000", "--worker-class=gthread", "--workers=2", "--threads=8", "--worker-tmp-dir=/dev/shm", "--no-control-socket", "--access-logfile=-"]
