NET_WORDS(net_words_8, 0x00ff00ffu, NET_DUAL(0) NET_DUAL(8))

