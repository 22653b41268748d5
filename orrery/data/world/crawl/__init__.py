"""The world as a crawl of the web: a WARC of HTML pages on made-up sites, and the truth about every one of them.

    truth = write_crawl(World(), Path("crawl.warc.gz"), count=2000, exams=questions)

Good pages are the world's documents, several to a page. Around them stands what stands on real pages, and between them
stand pages of every kind that a pipeline has to get rid of: copies, spam, menus without text, other languages, blocked
addresses, cut connections, filler, scripts, questions of the exams. Some good pages hold private data. What the
pipeline makes of all this is measured against the truth by ``data/pipeline/truth.py``.

``article.py`` what a page says · ``good.py`` ``bad.py`` what is written · ``private.py`` what is planted · ``sites.py``
``html.py`` how it looks · ``pages.py`` which page comes where · ``warc.py`` the files.
"""

from orrery.data.world.crawl.pages import Crawl
from orrery.data.world.crawl.warc import truth_path, write_crawl

__all__ = ["Crawl", "truth_path", "write_crawl"]
