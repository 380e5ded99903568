// Files that text is written to.
#pragma once

#include <string>
#include <vector>

namespace piecemark::text {

// Makes the file, empty, where it is missing: open to those whom the umask lets, but to nobody who may not read all of the
// `sources` that the text comes from. A file that is there stays as open as it is. Whatever is no regular file counts for
// nothing. What fails here fails again for whoever opens the file to write.
void create_text_file(const std::string& path, const std::vector<std::string>& sources);

}  // namespace piecemark::text
