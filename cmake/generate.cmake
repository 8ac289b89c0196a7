# Files made at build time: parsers from .l and .y, the ONNX messages from frontend/onnx/onnx.proto.

# weir_grammars(FOLDER OUT): FOLDER/x.y gives generated/FOLDER/x.tab.{c,h}; FOLDER/x.l gives generated/FOLDER/x.lex.{c,h}.
function(weir_grammars folder out)
  set(produced "")
  set(to ${WEIR_GENERATED}/${folder})
  file(MAKE_DIRECTORY ${to})
  file(GLOB parsers CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/*.y)
  file(GLOB lexers CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/*.l)
  foreach(y ${parsers})
    get_filename_component(base ${y} NAME_WE)
    add_custom_command(OUTPUT ${to}/${base}.tab.c ${to}/${base}.tab.h
      COMMAND ${BISON_EXECUTABLE} -Wno-yacc -Werror=conflicts-sr -Werror=conflicts-rr --defines=${to}/${base}.tab.h -o ${to}/${base}.tab.c ${y}
      DEPENDS ${y} VERBATIM)
    list(APPEND produced ${to}/${base}.tab.c ${to}/${base}.tab.h)
  endforeach()
  foreach(l ${lexers})
    get_filename_component(base ${l} NAME_WE)
    add_custom_command(OUTPUT ${to}/${base}.lex.c ${to}/${base}.lex.h
      COMMAND ${FLEX_EXECUTABLE} --header-file=${to}/${base}.lex.h -o ${to}/${base}.lex.c ${l}
      DEPENDS ${l} VERBATIM)
    list(APPEND produced ${to}/${base}.lex.c ${to}/${base}.lex.h)
  endforeach()
  set(${out} ${produced} PARENT_SCOPE)
endfunction()

function(weir_onnx_schema)
  set(proto ${CMAKE_CURRENT_SOURCE_DIR}/frontend/onnx/onnx.proto)
  if(NOT EXISTS ${proto})
    return()
  endif()
  set(to ${WEIR_GENERATED}/frontend/onnx)
  file(MAKE_DIRECTORY ${to})
  add_custom_command(OUTPUT ${to}/onnx.pb-c.c ${to}/onnx.pb-c.h
    COMMAND ${PROTOC_C} --c_out=${to} --proto_path=${CMAKE_CURRENT_SOURCE_DIR}/frontend/onnx ${proto}
    DEPENDS ${proto} VERBATIM)
  add_library(weir_onnx_schema OBJECT ${to}/onnx.pb-c.c ${to}/onnx.pb-c.h)
  target_include_directories(weir_onnx_schema PRIVATE ${to} ${WEIR_GENERATED})
  target_compile_options(weir_onnx_schema PRIVATE ${WEIR_BASE_FLAGS} -w)
  target_link_libraries(weir_onnx_schema PRIVATE PkgConfig::PROTOBUF_C)
  target_sources(libweir PRIVATE $<TARGET_OBJECTS:weir_onnx_schema>)
endfunction()

# weir_embed(FILE TO): generated/TO holds the lines of FILE as C strings.
function(weir_embed from to)
  set(to ${WEIR_GENERATED}/${to})
  get_filename_component(folder ${to} DIRECTORY)
  file(MAKE_DIRECTORY ${folder})
  add_custom_command(OUTPUT ${to}
    COMMAND ${CMAKE_COMMAND} -DFROM=${CMAKE_CURRENT_SOURCE_DIR}/${from} -DTO=${to} -P ${CMAKE_CURRENT_SOURCE_DIR}/cmake/embed.cmake
    DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${from} ${CMAKE_CURRENT_SOURCE_DIR}/cmake/embed.cmake VERBATIM)
  get_filename_component(name ${from} NAME_WE)
  add_custom_target(weir_embed_${name} DEPENDS ${to})
endfunction()
