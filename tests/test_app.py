"""One composition root: nothing is shared between two apps in one process."""

import httpx

from grader_service.settings import Settings
from tests.definitions import STRING_CHECK, body
from tests.http.test_errors import RUN
from tests.serving import serving


def test_two_apps_with_two_settings_live_in_one_process() -> None:
    first = Settings(sandbox="off", log_level="error", api_keys="only:first", max_body_bytes=2048)
    second = Settings(sandbox="off", log_level="error")
    padded = body(STRING_CHECK, item={"answer": "Paris", "padding": "x" * 4096})
    with serving(first) as one, serving(second) as two:
        key = {"api-key": "first"}
        assert httpx.post(one + RUN, json=body(STRING_CHECK)).status_code == 401
        assert httpx.post(one + RUN, json=body(STRING_CHECK), headers=key).status_code == 200
        assert httpx.post(one + RUN, json=padded, headers=key).status_code == 413
        assert httpx.post(two + RUN, json=padded).status_code == 200
        counted = 'grader_grades_total{state="value",type="string_check"} 1.0'
        assert counted in httpx.get(one + "/metrics").text
        assert counted in httpx.get(two + "/metrics").text
