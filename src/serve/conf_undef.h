/* Ends one use of conf.def: the next one defines its own. No guard, since it is meant to be read again. */
#undef SECTION
#undef END
#undef TEXT
#undef PATH
#undef PATHS
#undef LIST
#undef SECRET
#undef LISTEN
#undef SWITCH
#undef NUMBER
#undef SIZE
#undef SPAN
#undef PERCENT
#undef WORD
#undef TOLERANCE
