// Package wire holds the frames of the single ring protocol: one file per message, each with its layout, a struct, a
// Parse and an Append method.
//
// Parse is total: it accepts any bytes, checks every length and count against the frame before it uses them, and returns
// one of the sentinel errors. It fills a struct that the caller keeps, reusing its slices, so that steady traffic
// allocates nothing. Frames of both byte orders are read; Append writes the order of this machine, AppendForeign the
// other one (for tests of the reading side). Trailing bytes behind a frame are ignored, as the C daemon does.
//
// The package is pure and knows no protocol rules: whether a frame is wanted is for srp to say, which is its only caller
// besides tests. It answers to the packed structures of exec/totemsrp.c.
package wire
