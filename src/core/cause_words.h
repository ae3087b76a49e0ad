/* What other platforms call the reason of a suppression, and which cause of ours that is. */
#ifndef CORE_CAUSE_WORDS_H
#define CORE_CAUSE_WORDS_H

#include "policy/state.h"

/* CAUSES when the word is not known. Case, blanks, "-" and "_" do not matter. */
enum cause cause_of_word(slice word);

#endif
