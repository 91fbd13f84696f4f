"""Sets Django up, once in a process, before its parts are imported: its settings are one for all."""

from types import ModuleType

import django
from django.conf import settings

if not settings.configured:
    settings.configure(
        ALLOWED_HOSTS=["api.example"],
        ROOT_URLCONF=ModuleType("nothing"),
        MIDDLEWARE=["django.middleware.csrf.CsrfViewMiddleware"],
        SECRET_KEY="x" * 50,
        DEBUG_PROPAGATE_EXCEPTIONS=True,
        LOGGING_CONFIG=None,
        REST_FRAMEWORK={
            "UNAUTHENTICATED_USER": None,
            "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        },
    )
    django.setup()
