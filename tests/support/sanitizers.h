// Which sanitizer a test is built with, for what it cannot do there.
#pragma once

#if defined(__SANITIZE_ADDRESS__)
#define PIECEMARK_ADDRESS_SANITIZER
#elif defined(__SANITIZE_THREAD__)
#define PIECEMARK_THREAD_SANITIZER
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PIECEMARK_ADDRESS_SANITIZER
#elif __has_feature(thread_sanitizer)
#define PIECEMARK_THREAD_SANITIZER
#endif
#endif
