# cmake -DFROM=text -DTO=c -P embed.cmake: the lines of a text as C string literals, for `static const char *const lines[] = {..}`.
file(READ "${FROM}" text)
string(REPLACE "\\" "\\\\" text "${text}")
string(REPLACE "\"" "\\\"" text "${text}")
string(REPLACE "\n" "\\n\",\n\"" text "${text}")
file(WRITE "${TO}" "\"${text}\"\n")
