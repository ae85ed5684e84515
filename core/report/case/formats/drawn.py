"""A field in the PDF, with its cells outlined and numbered."""

import io

from reportlab.lib.colors import HexColor, black, white
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable

from core.report.case import marks
from core.report.case.content import ReportedCell, ReportedPicture
from core.report.case.formats import fonts


class OutlinedField(Flowable):  # type: ignore[misc]
    """A picture with outlines and numbers of its cells, as large as fits into a box in points."""

    def __init__(self, picture: ReportedPicture, jpeg: bytes, most: tuple[float, float]) -> None:
        super().__init__()
        self.picture, self.jpeg = picture, jpeg
        self.factor = min(most[0] / picture.width, most[1] / picture.height)
        self.width, self.height = picture.width * self.factor, picture.height * self.factor
        self.unit = self.width / marks.SHOWN

    def draw(self) -> None:
        """Draws on the canvas that ReportLab has set."""
        canvas: Canvas = self.canv
        canvas.drawImage(ImageReader(io.BytesIO(self.jpeg)), 0, 0, self.width, self.height)
        canvas.saveState()
        frame = canvas.beginPath()
        frame.rect(0, 0, self.width, self.height)
        canvas.clipPath(frame, stroke=0, fill=0)
        canvas.setLineJoin(1)
        for cell in self.picture.cells:
            self._outline(canvas, cell)
        canvas.restoreState()
        for cell in self.picture.cells:
            self._number(canvas, cell)

    def _outline(self, canvas: Canvas, cell: ReportedCell) -> None:
        if not cell.outline:
            return
        path = canvas.beginPath()
        path.moveTo(*self._place(*cell.outline[0]))
        for point in cell.outline[1:]:
            path.lineTo(*self._place(*point))
        mark = marks.mark(cell)
        canvas.setDash([])
        canvas.setStrokeColor(white)
        canvas.setLineWidth(marks.HALO * self.unit)
        canvas.drawPath(path)
        canvas.setDash([length * self.unit for length in mark.dash])
        canvas.setStrokeColor(HexColor(mark.colour))
        canvas.setLineWidth(marks.WIDTH * self.unit)
        canvas.drawPath(path)

    def _number(self, canvas: Canvas, cell: ReportedCell) -> None:
        mark, text = marks.mark(cell), marks.number(cell)
        size = max(marks.FONT * self.unit, marks.LEAST_POINTS)
        wide, high = stringWidth(text, fonts.BOLD, size) + 0.4 * size, 1.25 * size
        x, y = self._place(*cell.bbox[:2])
        x, y = min(x, self.width - wide), min(y, self.height - high)
        canvas.setDash([])
        canvas.setLineWidth(0.1 * size)
        canvas.setStrokeColor(HexColor(mark.colour))
        canvas.setFillColor(HexColor(mark.colour) if cell.label else white)
        canvas.rect(x, y, wide, high, fill=1)
        canvas.setFillColor(white if cell.label else black)
        canvas.setFont(fonts.BOLD, size)
        canvas.drawString(x + 0.2 * size, y + 0.28 * size, text)

    def _place(self, x: float, y: float) -> tuple[float, float]:
        """A pixel in points from the lower left corner."""
        return x * self.factor, self.height - y * self.factor
