NET_WORDS(net_words_8, 0x00ff00ffu, 2, NET_DUAL(0, 0) NET_DUAL(8, 1))

