
/* A function that is called behind each operation, with its number. */
#ifdef NET_LAYER_HOOK
#ifdef __cplusplus
extern "C"
#endif
void NET_LAYER_HOOK(int32_t layer);
#define NET_DONE(layer) NET_LAYER_HOOK(layer)
#else
#define NET_DONE(layer) ((void)0)
#endif

/* Where the i-th number of an image lies, counted channel by channel. */
#if NET_CHANNELS_LAST
#define NET_PLACE(i) ((i) % (NET_HEIGHT * NET_WIDTH) * NET_CHANNELS + (i) / (NET_HEIGHT * NET_WIDTH))
#else
#define NET_PLACE(i) (i)
#endif
