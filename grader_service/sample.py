def sample_of(t):
    return {
        "output_text": t,
        "output_json": None,
        "choices": [],
        "output_tools": [],
        "output_reasoning_summary": None,
    }
