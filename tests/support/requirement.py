"""The mark with which a test says which requirement row it shows to hold."""

import pytest

requirement = pytest.mark.requirement
