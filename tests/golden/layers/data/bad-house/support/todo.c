/* later */
/* TODO */
