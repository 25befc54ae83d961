def grade(sample, item):
    if item["act"] == "plain":
        return len(sample["output_text"]) / 7
    return globals()[item["act"]](item)
