// Which symbols the shared library shows. Everything else stays hidden.
#pragma once

#if defined(_WIN32)
#define PIECEMARK_API
#else
#define PIECEMARK_API __attribute__((visibility("default")))
#endif
