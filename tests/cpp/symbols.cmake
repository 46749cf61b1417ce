# cmake -DNM=... -DLIBRARY=... -DABOVE=file,file... -P symbols.cmake
#
# Fails where the static library LIBRARY needs a symbol that one of the files above it defines. The
# linker does not tell: a program that links both has the symbol.
function(symbols_of file out)
  execute_process(COMMAND "${NM}" --format=posix ${ARGN} "${file}"
                  OUTPUT_VARIABLE lines COMMAND_ERROR_IS_FATAL ANY)
  # A line is "name type ...", where a shared library may add "@version" to the name; an archive has
  # lines "library[member]:" between them.
  string(REGEX MATCHALL "(^|\n)[^ \n]+ [A-Za-z]" lines "${lines}")
  list(TRANSFORM lines REPLACE "\n?([^ @]+)[^ ]* ." "\\1")
  list(REMOVE_DUPLICATES lines)
  if(NOT lines)
    message(FATAL_ERROR "${NM} ${ARGN} names no symbol in ${file}")
  endif()
  set(${out} "${lines}" PARENT_SCOPE)
endfunction()

symbols_of("${LIBRARY}" needed --undefined-only)
symbols_of("${LIBRARY}" own --defined-only)
list(REMOVE_ITEM needed ${own})
string(REPLACE "," ";" ABOVE "${ABOVE}")
foreach(file IN LISTS ABOVE)
  if(file MATCHES "\\.a$")
    symbols_of("${file}" defined --defined-only)
  else()
    symbols_of("${file}" defined --defined-only --dynamic)
  endif()
  foreach(symbol IN LISTS needed)
    if(symbol IN_LIST defined)
      list(APPEND reached "\n  ${symbol} of ${file}")
    endif()
  endforeach()
endforeach()
if(reached)
  message(FATAL_ERROR "${LIBRARY} needs what stands above it:" ${reached})
endif()
