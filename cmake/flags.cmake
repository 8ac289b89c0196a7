# The flags of the house. No contraction: a*b+c is two roundings unless the code says fma.
set(WEIR_BASE_FLAGS -ffp-contract=off -fno-math-errno -fstack-protector-strong)
set(WEIR_WARNINGS
  -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes
  -Wold-style-definition -Wcast-qual -Wwrite-strings -Wpointer-arith -Wvla -Wundef -Wformat=2
  -Wimplicit-fallthrough)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
  # clang counts NAN and INFINITY as promotions wherever they meet a double.
  list(APPEND WEIR_WARNINGS -Wdouble-promotion -Wlogical-op -Wduplicated-cond -Wduplicated-branches -Wnull-dereference)
endif()
if(WEIR_WERROR)
  list(APPEND WEIR_WARNINGS -Werror)
endif()
if(WEIR_SANITIZE)
  add_compile_options(-fsanitize=${WEIR_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${WEIR_SANITIZE})
  if(CMAKE_C_COMPILER_ID MATCHES "Clang")
    # Checks between a loop's iterations keep it from being vectorised, asked for or not.
    list(APPEND WEIR_WARNINGS -Wno-pass-failed)
  endif()
endif()
