# The library, static and shared, from the same objects. piecemark::piecemark is the one that BUILD_SHARED_LIBS asks
# for.
foreach(kind static shared)
  string(TOUPPER ${kind} KIND)
  add_library(piecemark_${kind} ${KIND} $<TARGET_OBJECTS:piecemark_objects>)
  add_library(piecemark::piecemark_${kind} ALIAS piecemark_${kind})
  set_target_properties(piecemark_${kind} PROPERTIES OUTPUT_NAME piecemark LINKER_LANGUAGE CXX)
  target_compile_features(piecemark_${kind} PUBLIC cxx_std_20)
  foreach(layer engine index migration api)
    target_include_directories(piecemark_${kind} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/${layer}/include>)
  endforeach()
  target_link_libraries(piecemark_${kind} PRIVATE lmdb::lmdb xxHash::xxhash simdjson::simdjson Threads::Threads)
  if(PIECEMARK_SANITIZE)
    target_link_options(piecemark_${kind} PUBLIC -fsanitize=${PIECEMARK_SANITIZE})
  endif()
endforeach()
# Until version 1 every minor version may change the binary interface.
set_target_properties(piecemark_shared PROPERTIES VERSION ${PROJECT_VERSION}
                                                  SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})

if(BUILD_SHARED_LIBS)
  add_library(piecemark::piecemark ALIAS piecemark_shared)
else()
  add_library(piecemark::piecemark ALIAS piecemark_static)
endif()
