# A source file compiles as it is; with MUST_NOT_COMPILE defined it fails with one error, the expected one.
#   cmake -D SOURCE=... -D EXPECTED=regex -D COMPILER=... -D FLAGS=list -P check.cmake
cmake_minimum_required(VERSION 3.25)
set(ENV{LC_ALL} C)
set(command "${COMPILER}" ${FLAGS} -fsyntax-only)

execute_process(COMMAND ${command} "${SOURCE}" RESULT_VARIABLE result ERROR_VARIABLE diagnostics)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "This must compile:\n${diagnostics}")
endif()

execute_process(COMMAND ${command} -DMUST_NOT_COMPILE "${SOURCE}" RESULT_VARIABLE result ERROR_VARIABLE diagnostics)
if(result EQUAL 0)
  message(FATAL_ERROR "This must not compile, and does: ${SOURCE}")
endif()
string(REGEX MATCHALL "error: [^\n]*" errors "${diagnostics}")
list(LENGTH errors error_count)
if(NOT error_count EQUAL 1 OR NOT errors MATCHES "${EXPECTED}")
  message(FATAL_ERROR "Expected one error that matches '${EXPECTED}', found:\n${diagnostics}")
endif()
