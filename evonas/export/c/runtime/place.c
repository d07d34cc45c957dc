
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

/* Where a number of an image lies; places are counted row by row. */
#if NET_CHANNELS_LAST
#define NET_PLACE(channel, place) ((place) * NET_CHANNELS + (channel))
#else
#define NET_PLACE(channel, place) ((channel) * (NET_HEIGHT * NET_WIDTH) + (place))
#endif
