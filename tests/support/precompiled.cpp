// A target with precompiled headers has a source.
#include "precompiled.h"
