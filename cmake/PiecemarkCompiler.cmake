# How our own code is compiled. piecemark_target(target) applies it.
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

# In batches headers are read, and inline functions compiled, once for many sources. They are so few that two processors
# have something to do.
function(piecemark_batches target size)
  if(PIECEMARK_UNITY)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE ${size})
  endif()
endfunction()

function(piecemark_target target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF CXX_VISIBILITY_PRESET hidden
                                             VISIBILITY_INLINES_HIDDEN ON)
  target_include_directories(${target} PRIVATE "${PROJECT_SOURCE_DIR}")
  target_compile_options(
    ${target} PRIVATE -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wnon-virtual-dtor
                      -Wold-style-cast -Woverloaded-virtual)
  # Designated initialisers leave members to their defaults on purpose.
  target_compile_options(${target} PRIVATE -Wno-missing-field-initializers)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    # False alarms of GCC 12 inside std::string's operator+ (bug 105329) and std::optional (bug 80635).
    target_compile_options(${target} PRIVATE -Wno-restrict -Wno-maybe-uninitialized)
  endif()
  if(PIECEMARK_WARNINGS_AS_ERRORS)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  if(PIECEMARK_SANITIZE)
    target_compile_options(${target} PUBLIC -fsanitize=${PIECEMARK_SANITIZE} -fno-sanitize-recover=all
                                            -fno-omit-frame-pointer)
    target_link_options(${target} PUBLIC -fsanitize=${PIECEMARK_SANITIZE})
  endif()
endfunction()
