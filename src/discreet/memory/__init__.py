"""The memories of a scope, and recall."""

import os

# Ranking multiplies small matrices thousands of times an hour. Several threads for each would cost
# more than they save, because idle threads keep a processor busy while waiting. Numpy reads this
# when it is first imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
