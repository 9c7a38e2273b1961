"""Where music comes from, of any kind: folders, zips and single files, and the tables that describe them."""

from tonada.sources.listing import Listing, holds, list_sources
from tonada.sources.members import Kind, SourceFile, copy_file, read_file
from tonada.sources.tables import Columns

__all__ = ["Columns", "Kind", "Listing", "SourceFile", "copy_file", "holds", "list_sources", "read_file"]
