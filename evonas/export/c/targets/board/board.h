/* What a simulated board offers: files of the host, its clock, its stack. */
#include <stdint.h>

int board_open(const char *name, int is_writing);
int board_read(int file, void *to, uint32_t n); /* bytes that were not there */
void board_write(int file, const void *from, uint32_t n);
void board_close(int file);
void board_say(const char *text);
void board_exit(int code);
void board_paint_stack(void);    /* with a pattern, below what is in use */
uint32_t board_used_stack(void); /* bytes of it that were written since */
uint64_t board_clock(void);      /* instructions since the start, in units of the target's tick */
