"""Generated stores on files of many shapes: every value arrives, and an import finds it there."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import HealthCheck, given, settings

from store.gateway.desired import Base
from store.gateway.yaml_text import same
from tests.store.generated_stores import Case, cases, check_import, sample_bases, written


@given(case=cases())
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_store_is_written_and_read_back(case: Case) -> None:
    result = written(case)
    assert same(yaml.safe_load(result.text), result.document)
    check_import(case, result)


@pytest.mark.parametrize("base", sample_bases(), ids=lambda base: str(len(base.text)))
def test_a_store_that_is_the_file_s_own(base: Base) -> None:
    file = base.file
    case = Case(base, file.providers, file.models, file.routes)
    check_import(case, written(case))
