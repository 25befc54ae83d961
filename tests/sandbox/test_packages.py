"""The packages of the hosted image: at their pinned versions, importable, and each answering a small question."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from grader_service.sandbox.base import Program, Sandbox
from tests.sandbox.check import run
from tests.sandbox.expect import value

pytestmark = pytest.mark.asyncio(loop_scope="session")

REQUIREMENTS = Path(__file__).parents[2] / "sandbox_image/requirements.in"

QUESTIONS: Mapping[str, str] = {
    "ast-grep-py": "from ast_grep_py import SgRoot\nanswer = SgRoot('f(a, 2)', 'python').root().find(pattern='f($A, $B)')['B'].text() == '2'",
    "deepdiff": "from deepdiff import DeepDiff\nanswer = DeepDiff({'a': 1}, {'a': 2})['values_changed'][\"root['a']\"]['new_value'] == 2",
    "jsonschema": "import jsonschema\nanswer = not jsonschema.Draft202012Validator({'type': 'integer'}).is_valid('x')",
    "nltk": "import nltk\nanswer = nltk.edit_distance('kitten', 'sitting') == 3",
    "numpy": "import numpy as np\nanswer = np.linalg.det(np.array([[1.0, 2.0], [3.0, 4.0]])).round(9) == -2.0",
    "pandas": "import pandas as pd\nanswer = pd.DataFrame({'k': [1, 1, 2], 'v': [1, 2, 4]}).groupby('k').v.sum().tolist() == [3, 4]",
    "pydantic": "import pydantic\nclass M(pydantic.BaseModel):\n    n: int\nanswer = M(n='5').n == 5",
    "pyyaml": "import yaml\nanswer = yaml.safe_load('a: [1, 2]') == {'a': [1, 2]} and yaml.__with_libyaml__",
    "rapidfuzz": "from rapidfuzz import fuzz\nanswer = fuzz.ratio('this is a test', 'this is a test!') > 96",
    "rdkit": "from rdkit import Chem\nfrom rdkit.Chem import Descriptors\nanswer = round(Descriptors.MolWt(Chem.MolFromSmiles('CCO')), 2) == 46.07",
    "rouge-score": "from rouge_score import rouge_scorer\nanswer = rouge_scorer.RougeScorer(['rouge1']).score('a b', 'a c')['rouge1'].fmeasure == 0.5",
    "scikit-bio": "import skbio\nanswer = str(skbio.DNA('ACGT').reverse_complement()) == 'ACGT' and str(skbio.DNA('AAC').complement()) == 'TTG'",
    "scikit-learn": "from sklearn.linear_model import LinearRegression\nanswer = round(LinearRegression().fit([[0], [1]], [1, 3]).coef_[0], 9) == 2.0",
    "scipy": "from scipy import stats\nanswer = round(stats.spearmanr([1, 2, 3], [3, 2, 1]).statistic, 9) == -1.0",
    "sqlparse": "import sqlparse\nanswer = len(sqlparse.split('select 1; select 2;')) == 2",
    "sympy": "import sympy\nx = sympy.Symbol('x')\nanswer = sympy.integrate(2 * x, x) == x**2",
}
"""Distribution to code that sets `answer` to True."""

CORPORA = {
    "punkt": "import nltk\nanswer = nltk.sent_tokenize('Mr. Smith left. He ran.') == ['Mr. Smith left.', 'He ran.'] and len(nltk.word_tokenize(\"can't\")) == 2",
    "stopwords": "from nltk.corpus import stopwords\nanswer = 'the' in stopwords.words('english')",
    "wordnet": "from nltk.corpus import wordnet\nanswer = 'domestic_dog' in wordnet.synsets('dog')[0].lemma_names()",
    "meteor": "from nltk.translate.meteor_score import meteor_score\nanswer = meteor_score([['a', 'dog']], ['a', 'domestic_dog']) > 0.9",
}
"""NLTK's data (omw-1.4 and names, where they could not be had, are named while the image is built)."""

GRADER = """
from importlib.metadata import version

def grade(sample, item):
    if version(item["name"]) != item["version"]:
        return -1.0
    found = {}
    exec(item["question"], found)
    return 1.0 if found["answer"] == True else 0.0
"""

FUZZY = """
from rapidfuzz import fuzz, utils

def grade(sample, item):
    return fuzz.WRatio(sample["output_text"], item["answer"], processor=utils.default_process) / 100
"""


def pins() -> dict[str, str]:
    lines = REQUIREMENTS.read_text().splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


async def test_all_packages_answer(sandbox: Sandbox) -> None:
    found = pins()
    assert len(found) == 16
    assert found.keys() == QUESTIONS.keys()
    for name, question in QUESTIONS.items():
        item = {"name": name, "version": found[name], "question": question}
        assert value(1.0)(await run(sandbox, Program(GRADER, {}, item))) is None, name


@pytest.mark.parametrize("name", QUESTIONS)
async def test_package_imported_ahead(name: str, sandbox: Sandbox) -> None:
    """Named in the source, so that it is imported before the fork, as users' graders have it."""
    source = f"{QUESTIONS[name]}\ndef grade(sample, item):\n    return bool(answer)\n"
    for _ in range(2):
        assert value(1.0)(await run(sandbox, Program(source, {}, {}))) is None


@pytest.mark.parametrize("name", CORPORA)
async def test_corpus(name: str, sandbox: Sandbox) -> None:
    source = f"def grade(sample, item):\n    found = {{}}\n    exec({CORPORA[name]!r}, found)\n    return bool(found['answer'])\n"
    assert value(1.0)(await run(sandbox, Program(source, {}, {}))) is None


async def test_pair_of_the_hosted_service(sandbox: Sandbox) -> None:
    """grader-api: what the hosted `/run` answered for this grader and this pair."""
    sample: dict[str, Any] = {"output_text": "fuzzy wuzzy had no hair"}
    for _ in range(3):
        seen = await run(sandbox, Program(FUZZY, sample, {"answer": "fuzzy wuzzy was a bear"}))
        assert value(0.7555555555555555)(seen) is None
