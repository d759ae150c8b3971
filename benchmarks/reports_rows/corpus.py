"""Small notebooks, one for each thing that cells do: what they leave must be what papermill's kernel leaves."""

from reports_rows.notebooks import Source

MAY_RAISE = {"metadata": {"tags": ["raises-exception"]}}
CHART = "import matplotlib.pyplot as plt\nimport numpy as np\n"

CORPUS: dict[str, tuple[Source, ...]] = {
    "prints": ("print('one')\nprint('two', end='')\nprint(' three')", "for k in range(300):\n    print(k)", "n"),
    "standard error": (
        "import sys\nprint('out')\nprint('err', file=sys.stderr)\nprint('out again')",
        "sys.stderr.write('no end of line')",
    ),
    "rich displays": (
        "from IPython.display import HTML, JSON, Javascript, Latex, Markdown, Math, SVG, display\n"
        "display(HTML('<b>bold</b>'), Markdown('*text*'))\nHTML('<i>last</i>')",
        "display(Latex(r'$\\alpha^2$'), Math(r'\\frac{1}{2}'), JSON({'a': [1, None, 'ü']}))",
        "SVG('<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"4\" height=\"4\"/>')",
        "class Both:\n    def _repr_html_(self): return '<p>html</p>'\n    def _repr_latex_(self): return '$x$'\n"
        "    def __repr__(self): return 'plain'\nBoth()",
        "class Bundle:\n    def _repr_mimebundle_(self, **_): return {'text/plain': 'b', "
        "'application/x-own+json': {'k': 1}}\n"
        "Bundle()",
    ),
    "tables": (
        "import numpy as np\nimport pandas as pd\n"
        "long = pd.DataFrame({'a': range(200), 'b': np.arange(200) / 7})\nlong",
        "wide = pd.DataFrame(np.arange(90).reshape(2, 45), columns=[f'column {k}' for k in range(45)])\nwide",
        "print(wide)\nprint(long.describe())",
        "pd.DataFrame({'t': pd.date_range('2026-01-01', periods=3), 'x': [None, 'ü', 1.5]}).set_index('t')",
        "long.groupby(long.a % 3).b.agg(['mean', 'size'])",
        "pd.set_option('display.max_rows', 5, 'display.precision', 2)\nlong",
        "pd.get_option('display.max_columns'), pd.get_option('display.width')",
        "pd.Series([1.0, 2.5], name='s')",
    ),
    "styler": (
        "import pandas as pd\nframe = pd.DataFrame({'a': [1, 2], 'b': [0.5, -1]})\n"
        "frame.style.set_uuid('u').format('{:.1f}').highlight_max(color='#ffee88')",
        "frame.style.set_uuid('v').background_gradient().set_caption('caption').bar(subset=['a'])",
    ),
    "display updates": (
        "from IPython.display import HTML, display, update_display\nhandle = display(HTML('1'), display_id='one')",
        "handle.update(HTML('2'))\ndisplay('another', display_id='two')",
        "update_display('changed', display_id='two')\ndisplay('again', display_id='two')",
        "display('x', display_id=True).display_id != ''",
    ),
    "clear output": (
        "from IPython.display import clear_output\nprint('gone')\nclear_output()\nprint('stays')",
        "for k in range(4):\n    clear_output(wait=True)\n    print(k)",
        "print('stays')\nclear_output(wait=True)",
    ),
    "exceptions that are expected": (
        {"source": "1 / 0", **MAY_RAISE},
        {"source": "def f(x):\n    return g(x)\ndef g(x):\n    raise ValueError(f'not {x}')\nf('ü')", **MAY_RAISE},
        {"source": "x = (", **MAY_RAISE},
        {"source": "try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    raise KeyError('k') from e", **MAY_RAISE},
        {"source": "import sys\nraise SystemExit(3)", **MAY_RAISE},
        "print('goes on')",
    ),
    "an exception ends it": ("print('before')", "undefined_name", "print('never')"),
    "magics": (
        "%%capture kept\nprint('hidden')",
        "print(kept.stdout.upper())",
        "%%bash\necho from bash\necho to err >&2",
        "!echo shell $((1 + 2))",
        "lines = !printf 'a\\nb\\n'\nlines",
        "%%writefile note.txt\nsome text",
        "%pwd\nprint(open('note.txt').read())",
        "%matplotlib inline\n%precision 3\n3.14159265",
        "%env FINLAB_BENCH=1\nimport os; os.environ['FINLAB_BENCH']",
        "%%html\n<b>cell</b>",
        "%%latex\n$x$",
        "%%markdown\n*m*",
        "%%javascript\n1",
        "a, b = 1, 'two'\n%who",
        "%%script bash\necho script",
        "%%python\nprint('another python')",
        "len?",
    ),
    "subprocesses": (  # a kernel hears of them late: the cells wait, else their output is in later cells or lost
        "import os, subprocess, sys, time\nsubprocess.run(['echo', 'to descriptor 1'])\ntime.sleep(0.5)",
        "_ = os.system('echo from os.system; echo to 2 >&2'); time.sleep(0.5)",
        "subprocess.run([sys.executable, '-c', 'print(1); import sys; print(2, file=sys.stderr)']); time.sleep(0.5)",
        "_ = os.write(1, b'raw\\n'); time.sleep(0.5)",
        "subprocess.run(['cat'], capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout",
        "subprocess.run(['false']).returncode",
    ),
    "logging and warnings": (
        "import logging, warnings\nlogging.warning('first')\nlogging.getLogger('own').error('second')\n"
        "logging.info('no')",
        "logging.basicConfig(level=logging.INFO, force=True)\nlogging.info('third')",
        "def f():\n    warnings.warn('careful', stacklevel=1)\nf(); f()",
        "warnings.warn('old', DeprecationWarning)",
        "import numpy as np\nnp.array([1.0]) / 0",
    ),
    "charts": (
        CHART + "plt.plot([1, 2, 3])\nplt.title('one')",
        "fig, ax = plt.subplots(1, 2, figsize=(6, 2))\nax[0].bar([1, 2], [3, 4]); ax[1].hist(np.arange(20) ** 2);",
        "fig",
        "%config InlineBackend.figure_formats = ['png']\n"
        "plt.plot([3, 1]); plt.show(); print('between'); plt.plot([0, 5]);",
        "%config InlineBackend.print_figure_kwargs = {'dpi': 50, 'bbox_inches': None}\nplt.scatter([1, 2], [1, 4]);",
        "plt.rcParams['figure.dpi'] = 60\nplt.imshow(np.arange(9).reshape(3, 3)); plt.colorbar();",
        "plt.get_backend(), plt.get_fignums(), plt.rcParams['figure.dpi'], plt.isinteractive()",
    ),
    "seaborn": (
        "import numpy as np, pandas as pd, seaborn as sns\nsns.set_theme()\n"
        "frame = pd.DataFrame({'x': np.arange(40), 'y': np.arange(40) % 7, 'g': list('ab') * 20})\n"
        "sns.lineplot(frame, x='x', y='y', hue='g')",
        "sns.catplot(frame, x='g', y='y', kind='box', height=2.5);",
        "sns.heatmap(frame[['x', 'y']].corr(), annot=True);",
    ),
    "await": (
        "import asyncio\nawait asyncio.sleep(0.01)\nprint('woke')\n"
        "await asyncio.gather(*[asyncio.sleep(0, k) for k in range(3)])",
        "async def later():\n    await asyncio.sleep(0.01)\n    return 5\nawait later()",
        "task = asyncio.ensure_future(later())",
        "await task",
        "async with asyncio.timeout(1):\n    print('in time')",
    ),
    "multiprocessing and threads": (
        "import multiprocessing, threading\nfrom concurrent.futures import ThreadPoolExecutor\n"
        "with ThreadPoolExecutor(3) as pool:\n    print(list(pool.map(abs, [-1, -2])))",
        "with multiprocessing.get_context('fork').Pool(2) as pool:\n    print(pool.map(abs, range(-4, 0)))",
        "t = threading.Thread(target=lambda: print('from a thread')); t.start(); t.join()",
        "p = multiprocessing.get_context('fork').Process(target=print, args=('from a child',)); p.start(); "
        "p.join(); p.exitcode",
    ),
    "empty cells and counts": (
        "",
        "1",
        "   \n",
        "# only a comment",
        "2;",
        "3\n4",
        {"cell_type": "markdown", "source": "text"},
        "_, __, Out[1] if 1 in Out else None, len(In)",
        "pass",
        "get_ipython().execution_count",
        {"source": "5", "metadata": {"tags": ["own"], "jupyter": {"source_hidden": True}}},
    ),
    "unicode and large numbers": (
        "print('ünï çødé 漢字 🎉 \\u200b')\n'漢字 ' * 3",
        "2 ** 400, -(10 ** 50), 1e308 * 10, float('nan'), 0.1 + 0.2",
        "{'ключ': {1, 2}, 'b': b'\\x00\\xff', 'c': [[]] * 3}",
        "print('tab\\tcarriage\\rreturn \\x1b[31mred\\x1b[0m')",
        "list(range(2000))",
        "naïve = 1; naïve",
        "'x' * 5000",
    ),
    "state of the shell": (
        "import os, sys\n__name__, os.getcwd() == os.path.abspath('.')",
        "import builtins\nsorted(k for k in ('display', 'get_ipython', 'exit', 'quit', 'input') if k in "
        "globals() or hasattr(builtins, k))",
        {"source": "input('?')", **MAY_RAISE},
        "type(get_ipython()).__name__, get_ipython().__class__.__mro__[1].__name__",
        "sys.stdout.isatty(), sys.stdout.encoding",
        "'MPLBACKEND' in os.environ",
        "def f(): pass\nimport inspect; inspect.getsource(f)",
        "dir()[:3]",
        "import __main__; __main__.n",
    ),
    "classes and pickles": (
        "import pickle\nfrom dataclasses import dataclass\n@dataclass\nclass Point:\n    x: int\n"
        "    y: float = 1.5\nPoint(3)",
        "pickle.loads(pickle.dumps(Point(1))) == Point(1)",
        "Point",
        "lambda x: x",
        "print(*[Point(k) for k in range(3)], sep='\\n')",
    ),
    "progress bars": (
        "import sys, time\nfor k in range(5):\n    sys.stdout.write(f'\\r{k}/4'); sys.stdout.flush()\nprint()",
        "from tqdm import tqdm\nfor _ in tqdm(range(3), ncols=40, bar_format='{n}/{total}', file=sys.stdout): pass",
    ),
    "statistics": (
        "import numpy as np\nfrom sktime.forecasting.theta import ThetaForecaster\nimport pandas as pd\n"
        "y = pd.Series(np.sin(np.arange(48)) + 5, index=pd.period_range('2020-01', periods=48, freq='M'))\n"
        "model = ThetaForecaster(sp=12).fit(y)\nmodel",
        "model.predict(fh=[1, 2, 3]).round(6)",
        "from sklearn.linear_model import LinearRegression\n"
        "LinearRegression().fit(np.arange(6).reshape(-1, 1), np.arange(6)).coef_.round(6)",
        "import statsmodels.api as sm\nprint(sm.OLS(y.values, sm.add_constant(np.arange(48.0))).fit().params.round(6))",
    ),
    "history and results": ("a = 6", "a * 7", "_ + 1", "Out", "_i", "print(_)", "raise_later = None"),
}  # fmt: skip
