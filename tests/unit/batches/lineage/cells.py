"""The cells of the story, and who enters them."""

from batches.batch import Signed

TOKEN, OTHER = "PT-7F3K9M2Q", "PT-0A1B2C3D"
BIOPSY = "BX-2026-0001"
P0, A, C, POOL, AGAIN = (f"B-2026-000{n}" for n in (1, 2, 3, 4, 5))
ANNA = Signed(by="anna")
