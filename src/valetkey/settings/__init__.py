"""Frozen settings from a TOML file, the environment and flags; every fault is told, nothing unknown accepted."""

from __future__ import annotations

from valetkey.settings.errors import SettingsError
from valetkey.settings.loading import load
from valetkey.settings.values import (
    AuditSettings,
    ExtensionSettings,
    KeyEncryptionKey,
    LogFormat,
    LogSettings,
    ServerSettings,
    Settings,
    StorageSettings,
)

__all__ = [
    "AuditSettings",
    "ExtensionSettings",
    "KeyEncryptionKey",
    "LogFormat",
    "LogSettings",
    "ServerSettings",
    "Settings",
    "SettingsError",
    "StorageSettings",
    "load",
]
