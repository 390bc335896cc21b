//! Transcriptions in every format, written as programs write them: small and with something of everything.

/// ALTO 2 of a digitized newspaper: tenths of millimetres, prefixes, margins, hyphenated words, an illustration.
pub const ALTO_NEWSPAPER: &str = r##"<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<alto:alto xmlns:alto="http://www.loc.gov/standards/alto/ns-v2#" xmlns:xlink="http://www.w3.org/1999/xlink">
  <alto:Description>
    <alto:MeasurementUnit>mm10</alto:MeasurementUnit>
    <alto:sourceImageInformation><alto:fileName>Morgenblatt_0001.tif</alto:fileName></alto:sourceImageInformation>
    <alto:OCRProcessing ID="OCR1"><alto:ocrProcessingStep><alto:processingSoftware><alto:softwareName>Reader &amp; Co</alto:softwareName></alto:processingSoftware></alto:ocrProcessingStep></alto:OCRProcessing>
  </alto:Description>
  <alto:Styles><alto:TextStyle ID="TXT_0" FONTSIZE="9" FONTFAMILY="Fraktur"/></alto:Styles>
  <alto:Layout>
    <alto:Page ID="P1" PHYSICAL_IMG_NR="1" HEIGHT="3000" WIDTH="2000" PC="0.81">
      <alto:TopMargin ID="P1_TM" HPOS="0" VPOS="0" WIDTH="2000" HEIGHT="100">
        <alto:TextBlock ID="TB_top" HPOS="900" VPOS="40" WIDTH="200" HEIGHT="40"><alto:TextLine ID="TL_top" HPOS="900" VPOS="40" WIDTH="200" HEIGHT="40"><alto:String ID="S_top" HPOS="900" VPOS="40" WIDTH="200" HEIGHT="40" CONTENT="Nr. 12" WC="0.9"/></alto:TextLine></alto:TextBlock>
      </alto:TopMargin>
      <alto:PrintSpace ID="P1_PS" HPOS="100" VPOS="100" WIDTH="1800" HEIGHT="2800">
        <alto:ComposedBlock ID="CB1" TYPE="Article" HPOS="100" VPOS="120" WIDTH="900" HEIGHT="2000">
          <alto:TextBlock ID="TB1" HPOS="100" VPOS="120" WIDTH="900" HEIGHT="160" STYLEREFS="TXT_0" language="de">
            <alto:TextLine ID="TL1" HPOS="100" VPOS="120" WIDTH="900" HEIGHT="60" BASELINE="170">
              <alto:String ID="S1" HPOS="100" VPOS="120" WIDTH="300" HEIGHT="60" WC="0.95" CC="0 0 1" CONTENT="Das"/>
              <alto:SP WIDTH="20" HPOS="400" VPOS="120"/>
              <alto:String ID="S2" HPOS="420" VPOS="120" WIDTH="540" HEIGHT="60" WC="0.5" CONTENT="Wet" SUBS_TYPE="HypPart1" SUBS_CONTENT="Wetter"/>
              <alto:HYP CONTENT="-" WIDTH="20" HPOS="960" VPOS="150"/>
            </alto:TextLine>
            <alto:TextLine ID="TL2" HPOS="100" VPOS="200" WIDTH="900" HEIGHT="60">
              <alto:String ID="S3" HPOS="100" VPOS="200" WIDTH="300" HEIGHT="60" WC="1.0" CONTENT="ter" SUBS_TYPE="HypPart2" SUBS_CONTENT="Wetter"/>
              <alto:SP WIDTH="20" HPOS="400" VPOS="200"/>
              <alto:String ID="S4" HPOS="420" VPOS="200" WIDTH="0" HEIGHT="60" WC="0.1" CONTENT="."/>
            </alto:TextLine>
          </alto:TextBlock>
          <alto:Illustration ID="IL1" HPOS="100" VPOS="400" WIDTH="900" HEIGHT="600" FILEID="F1"/>
          <alto:GraphicalElement ID="GE1" HPOS="100" VPOS="1100" WIDTH="900" HEIGHT="4"/>
        </alto:ComposedBlock>
      </alto:PrintSpace>
    </alto:Page>
  </alto:Layout>
</alto:alto>
"##;

/// ALTO 4 of handwritten lines: outlines, baselines, types as tags, glyphs, no spaces, one block without a place.
pub const ALTO_HANDWRITTEN: &str = r##"<?xml version="1.0" encoding="UTF-8"?>
<alto xmlns="http://www.loc.gov/standards/alto/ns-v4#" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="http://www.loc.gov/standards/alto/ns-v4# http://www.loc.gov/standards/alto/v4/alto-4-3.xsd">
	<Description><MeasurementUnit>pixel</MeasurementUnit><sourceImageInformation><fileName>folios/f12r.jpg</fileName></sourceImageInformation></Description>
	<Tags>
		<OtherTag ID="BT1" LABEL="MainZone" DESCRIPTION="block type MainZone"/>
		<OtherTag ID="LT1" LABEL="default" DESCRIPTION="line type"/>
		<OtherTag ID="LT2" LABEL="InterlinearLine" DESCRIPTION="line type"/>
	</Tags>
	<Layout>
		<ReadingOrder><OrderedGroup ID="ro"><ElementRef ID="r1" REF="block_b"/><ElementRef ID="r2" REF="block_a"/></OrderedGroup></ReadingOrder>
		<Page ID="page_0" PHYSICAL_IMG_NR="0" WIDTH="1200" HEIGHT="1600">
			<PrintSpace HPOS="0" VPOS="0" WIDTH="1200" HEIGHT="1600">
				<TextBlock ID="block_a" HPOS="100" VPOS="800" WIDTH="500" HEIGHT="100" TAGREFS="BT1">
					<Shape><Polygon POINTS="100 800 600 810 600 900 100 890"/></Shape>
					<TextLine ID="line_a1" BASELINE="110 880 300 884 590 890" HPOS="100" VPOS="800" WIDTH="500" HEIGHT="100" TAGREFS="LT1">
						<Shape><Polygon POINTS="100,800 600,810 600,900 100,890"/></Shape>
						<String ID="seg_1" CONTENT="ſecunda" HPOS="100" VPOS="800" WIDTH="240" HEIGHT="90" WC="0.75">
							<Glyph ID="g1" CONTENT="ſ" HPOS="100" VPOS="800" WIDTH="30" HEIGHT="90" GC="0.7"><Shape><Polygon POINTS="100 800 130 800 130 890 100 890"/></Shape></Glyph>
							<Glyph ID="g2" CONTENT="e" HPOS="130" VPOS="800" WIDTH="30" HEIGHT="90" GC="0.8"/>
						</String>
						<String ID="seg_2" CONTENT="manu" HPOS="360" VPOS="805" WIDTH="200" HEIGHT="90" WC="1.75"><ALTERNATIVE>mann</ALTERNATIVE></String>
					</TextLine>
				</TextBlock>
				<TextBlock ID="block_b">
					<TextLine ID="line_b1" BASELINE="210,180 700,180" HPOS="200" VPOS="100" WIDTH="500" HEIGHT="90" TAGREFS="LT2">
						<String CONTENT="Primum &#38; cætera" HPOS="200" VPOS="100" WIDTH="500" HEIGHT="90"/>
					</TextLine>
					<TextLine ID="line_b2" BASELINE="210,280 700,280"><String CONTENT="sine loco"/></TextLine>
				</TextBlock>
			</PrintSpace>
		</Page>
	</Layout>
</alto>
"##;

/// PAGE 2013 in Transkribus' dialect: order and types in `custom`, a table, nested regions, lines without words.
pub const PAGE_TRANSKRIBUS: &str = r##"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<PcGts xmlns="http://schema.primaresearch.org/PAGE/gts/pagecontent/2013-07-15" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
    <Metadata><Creator>somebody</Creator><Created>2021-03-04T05:06:07.008+01:00</Created><TranskribusMetadata docId="1" pageId="2" pageNr="1" status="GT"/></Metadata>
    <Page imageFilename="register_1871_0007.jpg" imageWidth="2000" imageHeight="3000" primaryLanguage="Czech">
        <ReadingOrder><OrderedGroup id="ro_1" caption="Regions reading order"><RegionRefIndexed index="1" regionRef="r1"/><RegionRefIndexed index="0" regionRef="r2"/></OrderedGroup></ReadingOrder>
        <TextRegion type="paragraph" id="r1" custom="readingOrder {index:1;} structure {type:paragraph;}">
            <Coords points="100,500 900,500 900,900 100,900"/>
            <TextLine id="r1l2" custom="readingOrder {index:1;}">
                <Coords points="100,600 900,600 900,680 100,680"/>
                <Baseline points="100,660 900,664"/>
                <TextEquiv><Unicode>druhý řádek</Unicode></TextEquiv>
            </TextLine>
            <TextLine id="r1l1" custom="readingOrder {index:0;} structure {type:catch-word;} person {offset:0; length:5;}">
                <Coords points="100,500 900,500 900,580 100,580"/>
                <Baseline points="100,560 900,564"/>
                <TextEquiv conf="0.9"><Unicode>první &lt;řádek&gt;</Unicode></TextEquiv>
            </TextLine>
            <TextEquiv><Unicode>první &lt;řádek&gt;
druhý řádek</Unicode></TextEquiv>
        </TextRegion>
        <TextRegion type="heading" id="r2" primaryLanguage="Latin">
            <Coords points="100,100 900,100 900,200 100,200"/>
            <TextLine id="r2l1"><Coords points="100,100 900,100"/><Baseline points="100,180 900,180"/><TextEquiv><Unicode>zlomený</Unicode></TextEquiv></TextLine>
        </TextRegion>
        <TableRegion id="t1"><Coords points="1000,100 1900,100 1900,900 1000,900"/>
            <TableCell row="0" col="1" rowSpan="1" colSpan="2" id="c1"><Coords points="1000,100 1400,100 1400,300 1000,300"/><TextLine id="c1l1"><Coords points="1000,100 1400,100 1400,200 1000,200"/><TextEquiv><Unicode>12</Unicode></TextEquiv></TextLine><CornerPts>0 1 2 3</CornerPts></TableCell>
        </TableRegion>
        <ImageRegion id="i1"><Coords points="1000,1000 1900,1000 1900,1900 1000,1900"/></ImageRegion>
        <SeparatorRegion id="s1"><Coords points="1000,2000 1900,2000 1900,2010 1000,2010"/></SeparatorRegion>
    </Page>
</PcGts>
"##;

/// PAGE 2019 with words, glyphs, several readings, a border and a cell role.
pub const PAGE_GROUND_TRUTH: &str = r##"<?xml version='1.0' encoding='utf-8'?>
<pc:PcGts xmlns:pc="http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15" pcGtsId="gt-1">
  <pc:Metadata><pc:Creator/><pc:Created>2020-01-01T00:00:00</pc:Created><pc:LastChange>2020-01-01T00:00:00</pc:LastChange></pc:Metadata>
  <pc:Page imageFilename="gt/OCR-D-IMG_0001.tif" imageWidth="800" imageHeight="600" type="content">
    <pc:AlternativeImage filename="bin/0001.png" comments="binarized"/>
    <pc:Border><pc:Coords points="10,10 790,10 790,590 10,590"/></pc:Border>
    <pc:PrintSpace><pc:Coords points="20,20 780,20 780,580 20,580"/></pc:PrintSpace>
    <pc:ReadingOrder><pc:UnorderedGroup id="ug"><pc:OrderedGroup id="og"><pc:RegionRefIndexed index="0" regionRef="reg_1"/><pc:RegionRefIndexed index="1" regionRef="reg_0"/></pc:OrderedGroup></pc:UnorderedGroup></pc:ReadingOrder>
    <pc:TextRegion id="reg_0" type="footnote" orientation="1.5" readingDirection="left-to-right"><pc:Coords points="20,400 400,400 400,500 20,500" conf="0.6"/><pc:Roles><pc:TableCellRole rowIndex="3" columnIndex="4"/></pc:Roles></pc:TextRegion>
    <pc:TextRegion id="reg_1"><pc:Coords points="20,20 400,20 400,100 20,100"/>
      <pc:TextLine id="l_0" index="0"><pc:Coords points="20,20 400,20 400,60 20,60"/><pc:Baseline points="20,50 400,52"/>
        <pc:Word id="w_0"><pc:Coords points="20,20 120,20 120,60 20,60"/>
          <pc:Glyph id="gl_0"><pc:Coords points="20,20 60,20 60,60 20,60"/><pc:TextEquiv conf="0.99"><pc:Unicode>H</pc:Unicode></pc:TextEquiv></pc:Glyph>
          <pc:TextEquiv index="2" conf="0.4"><pc:Unicode>Haus</pc:Unicode></pc:TextEquiv><pc:TextEquiv index="1" conf="0.8"><pc:PlainText>Hans</pc:PlainText><pc:Unicode>Hanſ</pc:Unicode></pc:TextEquiv>
        </pc:Word>
        <pc:Word id="w_1"><pc:Coords points="140,20 240,20 240,60 140,60"/><pc:TextEquiv><pc:Unicode>&#x17f;aß</pc:Unicode></pc:TextEquiv></pc:Word>
      </pc:TextLine>
    </pc:TextRegion>
  </pc:Page>
</pc:PcGts>
"##;

/// PAGE 2010, with points as elements, and neither order nor texts.
pub const PAGE_OLD: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<PcGts xmlns="http://schema.primaresearch.org/PAGE/gts/pagecontent/2010-03-19"><Page imageFilename="00001.tif" imageWidth="500" imageHeight="400">
<TextRegion id="r0" type="marginalia"><Coords><Point x="10" y="20"/><Point x="110" y="20"/><Point x="110" y="60"/><Point x="10" y="60"/></Coords></TextRegion>
<GraphicRegion id="r1"><Coords><Point x="200" y="20"/><Point x="300" y="20"/><Point x="300" y="x"/></Coords></GraphicRegion>
<TextRegion id="r2"><Coords><Point x="10" y="100"/><Point x="110" y="100"/><Point x="60" y="180"/></Coords></TextRegion>
</Page></PcGts>"#;

/// hOCR in XHTML with everything that recognition says, on two pages.
pub const HOCR_XHTML: &str = r##"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">
<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="en" lang="en">
 <head><title>a; "title"</title><meta http-equiv="Content-Type" content="text/html;charset=utf-8"/>
  <meta name='ocr-system' content='reader 5'/><meta name='ocr-capabilities' content='ocr_page ocr_carea ocr_par ocr_line ocrx_word'/></head>
 <body>
  <div class='ocr_page' id='page_1' title='image "scans/page;1.png"; bbox 0 0 1000 800; ppageno 0; scan_res 300 300'>
   <div class='ocr_carea' id='block_1_1' title="bbox 50 60 600 200">
    <p class='ocr_par' id='par_1_1' lang='eng' title="bbox 50 60 600 200">
     <span class='ocr_line' id='line_1_1' title="bbox 50 60 600 120; baseline 0.01 -8; x_size 40; x_descenders 8">
      <span class='ocrx_word' id='word_1_1' title='bbox 50 60 150 110; x_wconf 96'>It&#39;s</span>
      <span class='ocrx_word' id='word_1_2' title='bbox 170 62 300 112; x_wconf 41' lang='deu'><strong>&uuml;ber</strong></span>
     </span>
     <span class='ocr_header' id='line_1_2' title="bbox 50 140 600 200; textangle 90; baseline 0 0"><span class='ocrx_word' id='word_1_3' title='bbox 50 140 40 200; x_wconf 0'>x</span></span>
    </p>
   </div>
   <div class='ocr_photo' id='block_1_2' title="bbox 50 300 600 700"></div>
   <div class='ocr_separator' id='block_1_3' title="bbox 50 720 600 724"/>
  </div>
  <div class='ocr_page' id='page_2' title='image "scans/page2.png"; bbox 0 0 500 400; ppageno 1'>
   <span class='ocr_line' id='line_2_1' title="bbox 5 6 60 20"><span class='ocrx_word' id='word_2_1' title='bbox 5 6 60 20'>zwei</span></span>
  </div>
 </body>
</html>
"##;

/// hOCR in HTML as people write it: nothing closed, no quotes, no pages named.
pub const HOCR_SOUP: &str = "<!DOCTYPE html>
<HTML><head><meta charset=windows-1252><title>Blatt</title><script>if (a < b) { c = \"<span class=ocrx_word>\" }</script>
<body><div class=ocr_page title='bbox 0 0 300 200'>
<p class='ocr_par' title='bbox 10 10 200 90'>
<span class=\"ocr_line big\" title=\"bbox 10 10 200 40; baseline 0.1 0 -4\">a & b < c<br>
<p class='ocr_par' title='bbox 10 100 200 190'><span class=ocrx_line title='bbox 10 100 200 130'>zweiter&nbsp;Absatz</span>
<span class=ocr_chapter>ohne Ort</span></i>
</body>";

/// A document that defines entities which would grow to a terabyte.
pub const ENTITY_BOMB: &str = r#"<?xml version="1.0"?>
<!DOCTYPE alto [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>
<alto><Layout><Page WIDTH="100" HEIGHT="100"><PrintSpace><TextBlock HPOS="1" VPOS="1" WIDTH="9" HEIGHT="9"><TextLine HPOS="1" VPOS="1" WIDTH="9" HEIGHT="9">
<String HPOS="1" VPOS="1" WIDTH="9" HEIGHT="9" CONTENT="&c;&c;"/><String ID="sound" HPOS="1" VPOS="1" WIDTH="9" HEIGHT="9" CONTENT="b"/></TextLine></TextBlock></PrintSpace></Page></Layout></alto>"#;

/// All of them, with names for messages.
pub const ALL: [(&str, &str); 8] = [
    ("newspaper.alto.xml", ALTO_NEWSPAPER),
    ("handwritten.alto.xml", ALTO_HANDWRITTEN),
    ("transkribus.page.xml", PAGE_TRANSKRIBUS),
    ("ground_truth.page.xml", PAGE_GROUND_TRUTH),
    ("old.page.xml", PAGE_OLD),
    ("xhtml.hocr", HOCR_XHTML),
    ("soup.hocr", HOCR_SOUP),
    ("bomb.alto.xml", ENTITY_BOMB),
];
