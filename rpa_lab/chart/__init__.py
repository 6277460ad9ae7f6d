"""Every chart, one function each: a small prepared frame in, an Altair chart out; nothing is read, shown or saved."""
