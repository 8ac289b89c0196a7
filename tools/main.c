/*
 * tools/main.c: the program weir.
 */
#include <stdio.h>

int main(void)
{
    fputs("weir: no verbs yet\n", stderr);
    return 2;
}
