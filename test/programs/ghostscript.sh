#!/bin/bash
# ghostscript: a PostScript file rendered to a bitmap, and by way of PDF; the bitmaps must be the
# same. The PDF itself holds the date, so only what is rendered from it is compared.
. "$(dirname "$0")/lib.sh"

what="ghostscript rendering PostScript and PDF"
need gs ghostscript "$what"
open_work "$what"

workload() {
  local quiet="-q -dNOPAUSE -dBATCH -dSAFER"
  gs $quiet -sDEVICE=png16m -r150 -dTextAlphaBits=4 -dGraphicsAlphaBits=4 -o page%d.png \
    "$input/figure.ps"
  gs $quiet -sDEVICE=pbmraw -r300 -dNumRenderingThreads=2 -dMaxBitmap=1000000 -o page%d.pbm \
    "$input/figure.ps"
  gs $quiet -sDEVICE=pdfwrite -o figure.pdf "$input/figure.ps"
  gs $quiet -sDEVICE=pnggray -r100 -o pdf%d.png figure.pdf
  gs $quiet -sDEVICE=txtwrite -o - figure.pdf
  rm figure.pdf
  [[ -s page1.png && -s page2.png && -s pdf2.png && -s page2.pbm ]]
}
export -f workload

real_program "$what" gs workload
finish
